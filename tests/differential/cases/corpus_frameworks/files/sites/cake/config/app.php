cake config/app.php
