lara app/Secret.php
