handlers legacy/y.php
