tabs index.php
