clean about.php
