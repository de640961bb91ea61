bom2 index.php
