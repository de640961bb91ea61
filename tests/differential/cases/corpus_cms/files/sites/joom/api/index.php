joom api/index.php
