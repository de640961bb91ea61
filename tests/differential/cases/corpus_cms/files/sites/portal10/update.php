portal10 update.php
