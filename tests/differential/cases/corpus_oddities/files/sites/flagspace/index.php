flagspace index.php
