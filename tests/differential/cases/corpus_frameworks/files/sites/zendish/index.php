zendish index.php
