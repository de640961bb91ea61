options idx2/start.php
