igniter4 index.php
