loop index.php
