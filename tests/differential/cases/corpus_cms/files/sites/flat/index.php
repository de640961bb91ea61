flat index.php
