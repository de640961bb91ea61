shop pub/errors/404.php
