blog index.php
