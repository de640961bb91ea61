wiki load.php
