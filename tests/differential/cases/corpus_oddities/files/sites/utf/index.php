utf index.php
