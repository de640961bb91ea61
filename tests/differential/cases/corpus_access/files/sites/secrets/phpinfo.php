secrets phpinfo.php
