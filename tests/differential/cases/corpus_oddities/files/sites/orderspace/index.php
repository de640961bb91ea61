orderspace index.php
