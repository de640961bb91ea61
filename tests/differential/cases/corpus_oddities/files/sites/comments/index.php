comments index.php
