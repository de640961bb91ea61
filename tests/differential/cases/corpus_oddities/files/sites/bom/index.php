bom index.php
