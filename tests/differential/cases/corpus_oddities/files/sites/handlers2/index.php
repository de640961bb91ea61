handlers2 index.php
