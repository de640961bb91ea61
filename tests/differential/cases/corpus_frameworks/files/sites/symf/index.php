symf index.php
