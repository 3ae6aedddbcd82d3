# OpenCV declares its arrays narrower than what its functions take and give: leave them open.
from typing import Any

def __getattr__(name: str) -> Any: ...
