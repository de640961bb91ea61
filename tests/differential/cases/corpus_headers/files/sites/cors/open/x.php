cors open/x.php
