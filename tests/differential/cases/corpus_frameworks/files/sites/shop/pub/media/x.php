shop pub/media/x.php
