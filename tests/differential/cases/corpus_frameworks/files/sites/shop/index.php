shop index.php
