capitals index.php
