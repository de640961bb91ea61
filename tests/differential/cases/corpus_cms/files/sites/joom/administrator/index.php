joom administrator/index.php
