latin index.php
