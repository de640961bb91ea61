igniter index.php
