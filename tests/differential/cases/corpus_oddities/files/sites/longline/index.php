longline index.php
