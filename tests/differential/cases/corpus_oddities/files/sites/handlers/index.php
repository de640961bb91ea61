handlers index.php
