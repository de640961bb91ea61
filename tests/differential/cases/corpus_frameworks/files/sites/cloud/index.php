cloud index.php
