unknown index.php
