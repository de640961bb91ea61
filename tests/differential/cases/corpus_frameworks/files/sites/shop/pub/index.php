shop pub/index.php
