"""Hair, skin and clothes in real frames and in rendered ones: how well are they told apart?"""
