empty index.php
