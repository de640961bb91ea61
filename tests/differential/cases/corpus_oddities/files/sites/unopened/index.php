unopened index.php
