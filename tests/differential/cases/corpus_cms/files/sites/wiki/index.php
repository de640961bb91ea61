wiki index.php
