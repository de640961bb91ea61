forum install/app.php
