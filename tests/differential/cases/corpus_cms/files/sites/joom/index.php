joom index.php
