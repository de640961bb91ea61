shop pub/static.php
