lara public/index.php
