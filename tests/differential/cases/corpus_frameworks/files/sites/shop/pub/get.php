shop pub/get.php
