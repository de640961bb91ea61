clean index.php
