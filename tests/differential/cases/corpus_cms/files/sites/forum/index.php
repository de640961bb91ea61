forum index.php
