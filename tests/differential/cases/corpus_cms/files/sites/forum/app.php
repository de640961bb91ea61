forum app.php
