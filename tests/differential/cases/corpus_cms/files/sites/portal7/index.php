portal7 index.php
