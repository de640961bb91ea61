options fall/index.php
