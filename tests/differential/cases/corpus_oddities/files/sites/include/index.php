include index.php
